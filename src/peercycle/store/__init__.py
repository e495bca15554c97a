"""What a run keeps on disk: the run directory, its journal, its artefacts and its lease."""
