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
cent centimetre centimetres day days decade decades dollar dollars gram grams hectare hectares hour hours kilogram
kilograms kilometer kilometers kilometre kilometres litre litres meter meters metre metres millimetre millimetres
minute minutes month months old percent percentage ton tonne tonnes tons week weeks
""".split()

FUNCTION_WORDS: frozenset[str] = frozenset(_FUNCTION)
"""Words of grammar, which say nothing in any text."""

STOPWORDS: frozenset[str] = FUNCTION_WORDS | frozenset(_ACADEMIC) | frozenset(_MEASURES)
"""Function words, and the words that any abstract of any field uses, units of measure among them."""
