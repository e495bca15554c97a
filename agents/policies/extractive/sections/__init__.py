"""The sections of a systematic map, each a function of the same material."""
