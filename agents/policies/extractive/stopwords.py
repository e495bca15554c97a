"""English words that say nothing of a work's subject."""

from __future__ import annotations

_FUNCTION = """
a about above across after again against all almost along already also although always am among an and another any
apart are aren't around as at aside away be became because become becomes been before being below besides between
beyond both but by can cannot could couldn't despite did didn't do does doesn't doing don't done down due during each
either else elsewhere enough especially etc eight eleven even ever every far few fifty first for forty from further
furthermore get gets given gives had has hasn't have haven't having he hence her here hers him his how however hundred
i if in indeed instead into is isn't it it's its itself just last later least less like may me might more moreover
most mostly much must my near nearly need needs neither never nevertheless nine no none nor not nothing now of off
often on once one ones only onto or other others otherwise our ours out over own per perhaps quite rather really same
second seldom seven several shall she should shouldn't since six so some sometimes somewhat soon still such than that
that's the themselves ten their theirs them then there thereby therefore these they third this those though three
through throughout thousand thus to together too toward towards twice two under unless unlike twelve twenty until up
upon us very via was wasn't we well were weren't what when where whereas whether which while who whole whom whose why
will with within without would yet you your
""".split()

_ACADEMIC = """
abstract according achieve achieved achieves address addresses aim aimed aims allow allows analyse analysed analyses
analysis analyze analyzed applied apply approach approaches argue argued argues article articles aspect aspects
assess assessed author authors available based began best better brought came case cases challenge challenges common
commonly compare compared comparing comparison complete conclude concluded conclusion counted copied recorded consider considered consist
consists contrast contribute contribution contributions current currently demonstrate demonstrated demonstrates
describe described describes detail detailed details determine determined develop developed development differ
difference differences different discuss discussed discusses doubled effective effectively efficient employ employed
evaluate evaluated evaluation evidence examine examined examines example examples exist existing explain explained
explore explored explores fell fifth finally find finding findings finds five follow followed following follows form
found four gave general generally great greater grew half halved held high higher highlight highlights highly idea
identified identify illustrate implication implications important improve improved improves include included
includes including increasing increasingly indicate indicated indicates insight insights introduce introduced
introduces investigate investigated investigates investigation involve issue issues keep keeps kept key kind known
large largely larger lead leads led level levels literature low lower lowered main mainly make makes making many
mean means measure measured measures method methods new notably note novel number numbers observe observed obtain
obtained offer offers open order overall overview paper papers particular particularly perform performed performs
play plays point points possible potential present presented presents previous previously problem problems produce
produced produces promising propose proposed proposes provide provided provides providing publication published
question questions raised range ranging rate recent recently relate related relation relative remain remains report
reported reports require required requires research result resulting results review reviewed reviews role rose seek
set sets show showed showing shown shows significant significantly similar simple small special specific state
stayed strong strongly studied studies study suggest suggested suggests summary support supports survey take taken
takes tend tenth term terms test tested tests third today type types typical typically understand understanding use
used useful user uses using usually value values various vary way ways went wide widely work works year years
""".split()

_MEASURES = """
centimetre centimetres day days decade decades dollar dollars gram grams hectare hectares hour hours kilogram
kilograms kilometer kilometers kilometre kilometres litre litres meter meters metre metres millimetre millimetres
minute minutes month months old percent percentage ton tonne tonnes tons week weeks
""".split()

_FOREIGN = """
aber alle als auch auf aus bei beim bis dabei damit dann dass dem den der des dessen deren die dies diese diesem diesen
dieser dieses doch durch ein eine einem einen einer eines für gegen hat haben ihr ihre ist jedoch kann können mit nach
nicht noch nur oder ohne sehr sein seine sich sie sind sowie über und unter vom von vor war waren was wenn werden wie
wird wir wurde wurden zum zur zwischen
ainsi alors après aussi autre autres aux avec avant car cette ces chez comme contre dans depuis deux donc dont elle
elles entre est été être ils leur leurs les mais même nous ont par pas plus pour qui que sans selon ses son sont sous
sur tous tout toutes très une vers
ante así aunque cada como con contra cual cuando desde donde durante ella ellos entre era eran esta estas este estos
fue fueron han hasta las los más muy otros para pero por porque según sin sobre también todos tras una unas uno unos
allo alla alle agli anche che come con dal dalla dalle degli dei del della delle dello essere gli hanno loro nei nel
nella nelle non per più quale quali questa queste questi questo sono stata stati stato sui sul sulla sulle tra
ainda ao aos após até com das dos ele eles essa esse foi foram isso mais mas na nas nos não ou pela pelas pelo pelos
pode quando quanto são sem ser seu seus sua suas também têm uma umas
aan als bij dat deze dit door een geen heeft het hun ook onder onze over naar niet uit van voor waren wat wel werd
werden worden zijn zich
att det dessa detta eller efter från har hos inte kan med men mellan mot när och som till var vid vilka
av blev disse ikke men mellem mellom og også ved være
""".split()

_ALSO_ENGLISH = """
also ante as car come con dare den des die do dos era fine for fur han has hat her hers hos hun in kan las men mot no
nos not on ont over par pas per plus pour rang sans see sein ser she sin so son sons sui sum sun tall the till tops
under uno van var war was wat we wel wet
""".split()

FOREIGN_WORDS: frozenset[str] = frozenset(_FOREIGN)
"""Function words of German, French, Spanish, Italian, Portuguese, Dutch and Scandinavian languages."""

PLAINLY_FOREIGN: frozenset[str] = FOREIGN_WORDS - frozenset(_ALSO_ENGLISH) - frozenset(_FUNCTION)
"""Those of them that are no English words."""

FUNCTION_WORDS: frozenset[str] = frozenset(_FUNCTION)
"""Words of grammar, which say nothing in any text."""

STOPWORDS: frozenset[str] = FUNCTION_WORDS | frozenset(_ACADEMIC) | frozenset(_MEASURES)
"""Function words, and the words that any abstract of any field uses, units of measure among them."""
