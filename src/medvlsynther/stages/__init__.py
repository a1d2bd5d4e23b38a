"""One file a stage; stages never import each other, the pipeline reaches them by name."""
