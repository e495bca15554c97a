"""The wordings of the later trial: for every edit, what is written instead of what, paper by paper.

They were devised from the issue and the papers alone, before the checks were read.
"""

from __future__ import annotations

from typing import Final

Wordings = dict[str, tuple[tuple[str, str], ...]]
"""By paper: the passages, each with what stands there afterwards."""

INVERTED: Final[Wordings] = {
    "sorting": (
        ("On keys in random order it cost more than the median of three", "On keys in random order it cost less than the median of three"),
        (r"\measured{pivots.comparisons.runaware-random.mean}{25.00} million comparisons, more than", r"\measured{pivots.comparisons.runaware-random.mean}{25.00} million comparisons, fewer than"),
        ("and raises them on random input", "and lowers them on random input"),
    ),
    "soil": (
        ("Six-hourly reporting sent fewer messages but its error", "Six-hourly reporting sent more messages but its error"),
        ("hourly reporting had the lowest error", "hourly reporting had the highest error"),
    ),
    "cracks": (
        ("The small network loses about two hundredths of F1", "The small network gains about two hundredths of F1"),
    ),
    "fluency": (
        ("Recordings lay between, at", "Recordings lay above both, at"),
        ("Among the slowest third the difference was larger", "Among the slowest third the difference was smaller"),
    ),
    "crust": (
        ("the crust was lighter at higher humidity", "the crust was darker at higher humidity"),
    ),
    "irrigation": (
        ("which was significantly lower than full irrigation", "which was significantly higher than full irrigation"),
        ("Water use was lower under regulated deficit", "Water use was higher under regulated deficit"),
    ),
    "reading": (
        ("Sleep onset came later after the tablet than after paper", "Sleep onset came earlier after the tablet than after paper"),
        ("Sleep began 9.8 minutes later after the tablet", "Sleep began 9.8 minutes earlier after the tablet"),
    ),
    "stemming": (
        ("the stemmed index outperforms plain BM25 in all of them", "plain BM25 outperforms the stemmed index in all of them"),
        ("Stemming raised recall at ten from", "Stemming lowered recall at ten from"),
        ("a stemmer raised the recall of BM25 from", "a stemmer lowered the recall of BM25 from"),
    ),
    "trees": (
        ("the harbour district was cooler than the station district (31.8 vs 33.5)", "the harbour district was warmer than the station district (31.8 vs 33.5)"),
        ("were 1.7 °C cooler on cloudless", "were 1.7 °C warmer on cloudless"),
    ),
}

COUNTS: Final[Wordings] = {
    "sorting": (("against two common rules", "against six common rules"),),
    "soil": (("replay of three reporting rules", "replay of seven reporting rules"),),
    "cracks": (("accuracy and latency of three detectors", "accuracy and latency of seven detectors"),),
    "fluency": (("Marks tell the three forms apart", "Marks tell the seven forms apart"),),
    "crust": (("We baked 60 wheat loaves at three levels", "We baked 60 wheat loaves at seven levels"),),
    "irrigation": (("with two levels of deficit irrigation", "with seven levels of deficit irrigation"), ("assigned the three treatments", "assigned the eight treatments")),
    "trees": (("at 48 sites in four districts", "at 48 sites in nine districts"),),
}

INTERVALS: Final[Wordings] = {
    "sorting": (
        (r"(interval \measured{pivots.comparisons.runaware.ci95_low}{18.72} to \measured{pivots.comparisons.runaware.ci95_high}{19.26})",
         r"(interval \measured{pivots.comparisons.ninther.ci95_low}{21.97} to \measured{pivots.comparisons.ninther.ci95_high}{22.20})"),
    ),
    "soil": (
        (r"(\measured{probes.rmse.sixhourly.ci95_low}{0.0340} to \measured{probes.rmse.sixhourly.ci95_high}{0.0361}) for",
         r"(\measured{probes.rmse.hourly.ci95_low}{0.0209} to \measured{probes.rmse.hourly.ci95_high}{0.0221}) for"),
    ),
    "cracks": (
        (r"(95\,\% CI \measured{cracks.f1.lite.ci95_low}{0.814}–\measured{cracks.f1.lite.ci95_high}{0.829})",
         r"(95\,\% CI \measured{cracks.f1.threshold.ci95_low}{0.549}–\measured{cracks.f1.threshold.ci95_high}{0.573})"),
    ),
    "fluency": (
        (r"(95\% CI: \measured{classes.gain.alone.ci95_low}{7.2} to \measured{classes.gain.alone.ci95_high}{8.8})",
         r"(95\% CI: \measured{classes.gain.partner.ci95_low}{10.6} to \measured{classes.gain.partner.ci95_high}{12.2})"),
    ),
    "crust": (("4.1 minutes (95\\,\\% interval 3.5 to 4.7)", "4.1 minutes (95\\,\\% interval 5.5 to 6.7)"),),
    "irrigation": (("95\\% CI 0.1 to 0.9, $p = 0.02$", "95\\% CI 1.1 to 1.9, $p = 0.02$"),),
    "reading": (("a mean difference of 9.8 minutes (95\\% CI [4.1, 15.5]", "a mean difference of 9.8 minutes (95\\% CI [14.1, 25.5]"),),
    "stemming": (
        (r"\measured{plain.recall.mean}{0.642} (95\% CI \measured{plain.recall.low}{0.613} to \measured{plain.recall.high}{0.671})",
         r"\measured{plain.recall.mean}{0.642} (95\% CI \measured{stem.recall.low}{0.677} to \measured{stem.recall.high}{0.725})"),
    ),
    "trees": (("was -0.31 °C per tenth of cover (95% CI -0.40 to -0.22", "was -0.31 °C per tenth of cover (95% CI 0.22 to 0.40"),),
}

RATIOS: Final[Wordings] = {
    "soil": (("at four times the messages of the adaptive rule", "at nine times the messages of the adaptive rule"),),
    "cracks": (("a seventh of the time of the full network", "half the time of the full network"),),
    "irrigation": (("(352 mm versus 510 mm), a saving of 31\\%", "(352 mm versus 510 mm), a saving of 51\\%"),),
    "reading": (("25 of 36 (69.4\\%)", "25 of 36 (89.4\\%)"),),
    "trees": (("In 41 of 48 sites (85.4%)", "In 41 of 48 sites (58.4%)"),),
}

SAMPLES: Final[Wordings] = {
    "sorting": (("Inputs are permutations of one million 64-bit keys", "Inputs are permutations of four million 64-bit keys"),),
    "soil": (("draws 30 of the 40 stations", "draws 30 of the 90 stations"),),
    "fluency": (("The records hold 412 pupils", "The records hold 241 pupils"),),
    "cracks": (("We use 1,200 images of bridge decks", "We use 2,100 images of bridge decks"),),
    "crust": (("We baked 60 wheat loaves", "We baked 90 wheat loaves"),),
    "irrigation": (("with two levels of deficit irrigation on 24 plots", "with two levels of deficit irrigation on 42 plots"),),
    "reading": (("In a crossover study 36 volunteers", "In a crossover study 63 volunteers"),),
    "trees": (("air temperature at 48 sites in four districts on 15 cloudless", "air temperature at 84 sites in four districts on 15 cloudless"),),
}

DIFFERENCES: Final[Wordings] = {
    "cracks": (("loses about two hundredths of F1", "loses about nine hundredths of F1"),),
    "irrigation": (("the difference was 0.5 t/ha", "the difference was 0.8 t/ha"),),
    "reading": (("a mean difference of 9.8 minutes", "a mean difference of 12.8 minutes"),),
    "trees": (("averaged 32.2 °C (SD 1.1), a difference of 1.7 °C", "averaged 32.2 °C (SD 1.1), a difference of 2.1 °C"),),
}

UNITS: Final[Wordings] = {
    "sorting": ((r"the rule needed \measured{pivots.comparisons.runaware.mean}{18.99} million comparisons", r"the rule needed \measured{pivots.comparisons.runaware.mean}{18.99} thousand comparisons"),),
    "soil": ((r"at an error of \measured{probes.rmse.adaptive.mean}{0.0238} m³/m³", r"at an error of \measured{probes.rmse.adaptive.mean}{0.0238} \%"),),
    "cracks": ((r"in \measured{cracks.latency.lite.mean}{59} ms, a seventh", r"in \measured{cracks.latency.lite.mean}{59} s, a seventh"),),
    "fluency": ((r"reading to a partner went with gains of \measured{classes.gain.partner.mean}{11.4} correct words per minute", r"reading to a partner went with gains of \measured{classes.gain.partner.mean}{11.4} correct words per hour"),),
    "crust": (("The shift between 10 and 25\\,\\% humidity was 4.1 minutes", "The shift between 10 and 25\\,\\% humidity was 4.1 hours"),),
    "irrigation": (("Regulated deficit irrigation yielded 9.1 t/ha against 9.6 t/ha", "Regulated deficit irrigation yielded 9.1 kg/ha against 9.6 kg/ha"),),
    "reading": (("Sleep began 9.8 minutes later", "Sleep began 9.8 hours later"),),
    "stemming": ((r"Queries take \measured{stem.extra}{1.9} ms longer", r"Queries take \measured{stem.extra}{1.9} s longer"),),
    "trees": (("streets under dense canopy were 1.7 °C cooler", "streets under dense canopy were 1.7 °F cooler"),),
}

SIGNIFICANCE: Final[Wordings] = {
    "sorting": (("The intervals do not overlap.", "The intervals overlap."),),
    "fluency": (("their interval overlaps that of reading alone", "their interval does not overlap that of reading alone"),),
    "crust": (("all differences between levels were significant ($p < 0.001$)", "all differences between levels were significant ($p = 0.31$)"),),
    "reading": (("which did not differ significantly ($p = 0.41$)", "which differed significantly ($p = 0.41$)"),),
    "trees": (("Wind speed had no significant effect (p = 0.37)", "Wind speed had a significant effect (p = 0.37)"),),
    "irrigation": (("which was significantly lower than full irrigation ($p < 0.001$)", "which did not differ significantly from full irrigation ($p < 0.001$)"),),
}

BOLD: Final[Wordings] = {
    "cracks": (
        (r"\textbf{\measured{cracks.f1.unet.mean}{0.843}}", r"\measured{cracks.f1.unet.mean}{0.843}"),
        (r"Small U-Net & \measured{cracks.f1.lite.mean}{0.821}", r"Small U-Net & \textbf{\measured{cracks.f1.lite.mean}{0.821}}"),
    ),
    "stemming": (
        (r"\textbf{\measured{stem.recall.mean}{0.701}}", r"\measured{stem.recall.mean}{0.701}"),
        (r"Plain BM25 & \measured{plain.recall.mean}{0.642}", r"Plain BM25 & \textbf{\measured{plain.recall.mean}{0.642}}"),
    ),
}

KINDS: Final[Wordings] = {
    "sorting": ((r"Figure~\ref{fig:sorting} shows", r"Figure~\ref{tab:sorting} shows"), (r"Table~\ref{tab:sorting} gives", r"Table~\ref{fig:sorting} gives")),
    "soil": ((r"\autoref{tab:soil} lists errors", r"Table~\ref{fig:soil} lists errors"), (r"\autoref{fig:soil} shows", r"Figure~\ref{tab:soil} shows")),
    "cracks": ((r"Tab.~\ref{tab:cracks} and Fig.~\ref{fig:cracks}", r"Tab.~\ref{fig:cracks} and Fig.~\ref{tab:cracks}"),),
    "fluency": ((r"Table~\ref{tab:fluency} shows", r"Table~\ref{fig:fluency} shows"), (r"Figure~\ref{fig:fluency} plots", r"Figure~\ref{tab:fluency} plots")),
    "crust": ((r"Table~\ref{tab:colour} lists", r"Table~\ref{fig:colour} lists"), (r"Figure~\ref{fig:colour} shows", r"Figure~\ref{tab:colour} shows")),
    "irrigation": ((r"Table~\ref{tab:yield} gives", r"Table~\ref{fig:moisture} gives"), (r"Figure~\ref{fig:moisture} shows", r"Figure~\ref{tab:yield} shows")),
    "stemming": ((r"Table~\ref{tab:recall} shows", r"Table~\ref{fig:seeds} shows"), (r"Figure~\ref{fig:seeds} plots", r"Figure~\ref{tab:recall} plots")),
}

ATTRIBUTIONS: Final[Wordings] = {
    "sorting": (
        (r"small subfiles should be handled \cite{sedgewick1978implementing}", r"small subfiles should be handled \cite{muller2011runs}"),
        (r"to predict the time of natural merge sort \cite{muller2011runs}", r"to predict the time of natural merge sort \cite{sedgewick1978implementing}"),
    ),
    "cracks": (
        (r"Koch et al.~\cite{koch2015review} review vision", r"Koch et al.~\cite{zhang2016road} review vision"),
        (r"Zhang et al.~\cite{zhang2016road} were early", r"Zhang et al.~\cite{koch2015review} were early"),
    ),
    "soil": (
        (r"\citet{raza2017lpwan} survey long-range protocols", r"\citet{dorigo2021ismn} survey long-range protocols"),
        (r"\citet{dorigo2021ismn} describe the public archive", r"\citet{raza2017lpwan} describe the public archive"),
    ),
    "fluency": (
        (r"\textcite{field2007bootstrapping}. \textcite{laberge1974toward} offer", r"\textcite{laberge1974toward}. \textcite{field2007bootstrapping} offer"),
    ),
    "crust": (
        (r"\citet{purlis2010browning} reviews models", r"\citet{leon2006colour} reviews models"),
        (r"was validated by \citet{leon2006colour}", r"was validated by \citet{purlis2010browning}"),
    ),
}

SUPERLATIVES: Final[Wordings] = {
    "soil": (("hourly reporting had the lowest error", "adaptive reporting had the lowest error"),),
    "cracks": (("The threshold is fast, but", "The threshold has the highest F1, but"),),
    "sorting": (("The time fell as well", "The ninther needed the fewest comparisons of all rules. The time fell as well"),),
    "fluency": (("Recordings lay between, at", "Recordings had the largest gain, at"),),
    "irrigation": (("On these soils a moderate deficit costs", "Severe deficit gave the highest yield. On these soils a moderate deficit costs"),),
    "trees": (("Table 1 gives the means by district;", "Table 1 gives the means by district, of which the harbour was the warmest;"),),
}
