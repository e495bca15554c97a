"""Function words of other languages than English."""

from __future__ import annotations

from peercycle.core.common_words import FUNCTION_WORDS

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

PLAINLY_FOREIGN: frozenset[str] = FOREIGN_WORDS - frozenset(_ALSO_ENGLISH) - FUNCTION_WORDS
"""Those of them that are no English words."""
