"""The wordings of the harmless edits of the later trial, devised before the checks were read."""

from __future__ import annotations

from typing import Final

from tests.agents.reviewers.independent.later_edits import Wordings

TURNED: Final[Wordings] = {
    "sorting": (
        (r"On random input the run rule needed \measured{pivots.comparisons.runaware-random.mean}{25.00} million comparisons, more than the median of three with \measured{pivots.comparisons.median3-random.mean}{24.00} million.",
         r"On random input the median of three needed \measured{pivots.comparisons.median3-random.mean}{24.00} million comparisons, fewer than the run rule with \measured{pivots.comparisons.runaware-random.mean}{25.00} million."),
    ),
    "soil": (
        (r"Six-hourly reporting sent fewer messages but its error was", r"The adaptive rule sent more messages than six-hourly reporting, whose error, however, was"),
    ),
    "cracks": (("The small network loses about two hundredths of F1", "The full network is about two hundredths of F1 ahead"),),
    "fluency": (
        (r"Among the slowest third, reading to a partner went with \measured{classes.gain-slow.partner.mean}{12.6} words per minute and reading alone with \measured{classes.gain-slow.alone.mean}{6.3}.",
         r"Among the slowest third, reading alone went with \measured{classes.gain-slow.alone.mean}{6.3} words per minute, fewer than the \measured{classes.gain-slow.partner.mean}{12.6} of reading to a partner."),
    ),
    "crust": (("the crust was lighter at higher humidity", "the crust was darker at lower humidity"),),
    "irrigation": (
        ("Water use was lower under regulated deficit (352 mm versus 510 mm)", "Water use was higher under full irrigation (510 mm versus 352 mm)"),
    ),
    "reading": (
        ("Sleep onset came later after the tablet than after paper: 27.6 minutes (SD 11.2) against 17.8 minutes (SD 9.5)",
         "Sleep onset came earlier after paper than after the tablet: 17.8 minutes (SD 9.5) against 27.6 minutes (SD 11.2)"),
    ),
    "stemming": (("the stemmed index outperforms plain BM25 in all of them", "plain BM25 falls behind the stemmed index in all of them"),),
    "trees": (
        ("the harbour district was cooler than the station district (31.8 vs 33.5)", "the station district was warmer than the harbour district (33.5 vs 31.8)"),
    ),
}

DIGITS: Final[Wordings] = {
    "sorting": (("over five seeds", "over 5 seeds"), ("with five seeds", "with 5 seeds"), ("against two common rules", "against 2 common rules")),
    "soil": (("three reporting rules", "3 reporting rules"), ("with five random selections", "with 5 random selections"), ("Each of five seeds", "Each of 5 seeds")),
    "cracks": (("of three detectors", "of 3 detectors"), ("five seeds", "5 seeds")),
    "fluency": (("five resamples", "5 resamples"), ("the three forms", "the 3 forms")),
    "crust": (("at three levels", "at 3 levels"), ("on four days with five loaves", "on 4 days with 5 loaves")),
    "irrigation": (("with two levels", "with 2 levels"), ("the three treatments", "the 3 treatments"), ("over three seasons", "over 3 seasons")),
    "trees": (("in four districts on", "in 4 districts on"), ("48 sites, twelve in", "48 sites, 12 in")),
    "reading": (("by two raters", "by 2 raters"), ("on five evenings", "on 5 evenings")),
}

SYNONYMS: Final[Wordings] = {
    "sorting": (("Whether the rule pays therefore depends", "Whether the rule is worthwhile thus depends"), ("The gain on nearly ordered input", "The improvement on nearly ordered input")),
    "soil": (("Adaptive reporting keeps most of the accuracy", "Adaptive reporting retains most of the accuracy"), ("hourly reporting had the lowest error", "hourly reporting had the smallest error")),
    "cracks": (("The threshold stayed at", "The threshold remained at"), ("The networks differ mostly at crack tips", "The networks disagree mostly at crack tips")),
    "fluency": (("Reading to a partner went with a gain", "Reading to a partner was accompanied by a gain"),),
    "crust": (("the crust was lighter at higher humidity", "the crust was paler at higher humidity"),),
    "irrigation": (("which was significantly lower than full irrigation", "which was significantly below full irrigation"),),
    "reading": (("Sleep began 9.8 minutes later after", "Sleep started 9.8 minutes later after"),),
    "stemming": (("the stemmed index outperforms plain BM25", "the stemmed index surpasses plain BM25"),),
    "trees": (("the harbour district was cooler than", "the harbour district was less hot than"),),
}

QUALITATIVE: Final[Wordings] = {
    "sorting": (("The ninther remains the safer choice", "Longer runs are easier to use than shorter ones, and a lower price of counting would help more than a higher threshold. The ninther remains the safer choice"),),
    "soil": (("It is not the best rule everywhere", "A higher threshold would send less, and a lower one would send more. It is not the best rule everywhere"),),
    "cracks": (("For measuring the length of a crack it is not.", "For measuring the length of a crack it is not: longer cracks need more detail than shorter ones, and larger networks see more of it."),),
    "fluency": (("A partner is a listener who costs nothing.", "A partner is a listener who costs nothing, less than a recording and less than an adult."),),
    "crust": (("A baker who raises humidity", "Lean doughs would be lighter still, and a hotter oven would make every crust darker. A baker who raises humidity"),),
    "irrigation": (("We attribute this to the full supply at flowering.", "We attribute this to the full supply at flowering; a lower supply then would have cost more."),),
    "reading": (("Ordinary room light may mask", "Brighter tablets could delay sleep more, dimmer ones less. Ordinary room light may mask"),),
    "stemming": (("News stories are longer than abstracts", "Longer documents are easier to find than shorter ones. News stories are longer than abstracts"),),
    "trees": (("Nights and cloudy days remain to be measured.", "Nights and cloudy days, which are cooler than the afternoons we saw, remain to be measured."),),
}

ROUNDED: Final[Wordings] = {
    "sorting": ((r"to \measured{pivots.comparisons.runaware.mean}{18.99} million, and raises", r"to \measured{pivots.comparisons.runaware.mean}{19.0} million, and raises"),),
    "soil": ((r"where a fixed interval of six hours gives \measured{probes.rmse.sixhourly.mean}{0.0350} m³/m³", r"where a fixed interval of six hours gives \measured{probes.rmse.sixhourly.mean}{0.035} m³/m³"),),
    "cracks": ((r"with an F1 of \measured{cracks.f1.lite.mean}{0.821} in", r"with an F1 of \measured{cracks.f1.lite.mean}{0.82} in"),),
    "fluency": ((r"reading to a partner went with gains of \measured{classes.gain.partner.mean}{11.4} correct", r"reading to a partner went with gains of \measured{classes.gain.partner.mean}{11} correct"),),
    "crust": (("was 4.1 minutes (95\\,\\% interval 3.5 to 4.7)", "was about 4 minutes (95\\,\\% interval 3.5 to 4.7)"),),
    "irrigation": (("while it saved 31\\% of the water", "while it saved about 30\\% of the water"),),
    "reading": (("A delay of 9.8 minutes is a third", "A delay of about 10 minutes is a third"),),
    "stemming": ((r"to \measured{stem.recall.mean}{0.701} at a small cost", r"to \measured{stem.recall.mean}{0.70} at a small cost"),),
    "trees": (("In 41 of 48 sites (85.4%) the model", "In 41 of 48 sites (85%) the model"),),
}

RENAMED: Final[Wordings] = {
    "sorting": (("run rule", "RunPivot rule"), ("ordered & runs &", "ordered & RunPivot &"), ("random & runs &", "random & RunPivot &")),
    "cracks": (("Small U-Net", "Compact U-Net"), ("small network", "compact network")),
    "soil": (("Adaptive &", "Send-on-change &"), ("Adaptive reporting", "Send-on-change reporting"), ("adaptive reporting", "send-on-change reporting"), ("adaptive rule", "send-on-change rule"), ("adaptive series", "send-on-change series"), ("\\emph{Adaptive}", "\\emph{Send-on-change}")),
    "fluency": (("Recording &", "With recording &"), ("Alone &", "By oneself &"), ("reading alone", "reading by oneself")),
    "irrigation": (("Severe deficit", "Heavy deficit"), ("severe deficit", "heavy deficit"), ("severe treatment", "heavy treatment")),
    "trees": (("Heights", "Hill"), ("Harbour", "Port"), ("harbour", "port")),
    "stemming": (("Plain BM25", "Bare BM25"), ("plain BM25", "bare BM25")),
}

SPLIT: Final[Wordings] = {
    "sorting": ((r"million comparisons, more than the median of three with", r"million comparisons. The median of three was content with"),),
    "soil": ((r"{0.0238} m³/m³, where a fixed interval of six hours gives", r"{0.0238} m³/m³. A fixed interval of six hours gives"),),
    "cracks": ((r"the full network \measured{cracks.f1.unet.mean}{0.843} (95", r"whereas the full network reached \measured{cracks.f1.unet.mean}{0.843} (95"),),
    "fluency": ((r"words per minute and reading alone with \measured{classes.gain-slow", r"words per minute. Reading alone went with \measured{classes.gain-slow"),),
    "crust": ((", and that between 25 and 40\\,\\% was 4.8 minutes (4.0 to 5.6).", ". The shift between 25 and 40\\,\\% was 4.8 minutes (4.0 to 5.6)."),),
    "irrigation": (("and full irrigation reached 9.6 t/ha; the difference was", "and full irrigation reached 9.6 t/ha. The difference was"),),
    "reading": (("against 17.8 minutes (SD 9.5), a mean difference of", "against 17.8 minutes (SD 9.5). The mean difference was"),),
    "trees": (("(SD 1.1), a difference of 1.7 °C", "(SD 1.1). The difference was 1.7 °C"),),
}
