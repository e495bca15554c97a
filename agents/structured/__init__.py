"""Questions to a model whose answers must have a form: asked, read, asked again with the fault quoted, at most twice."""
