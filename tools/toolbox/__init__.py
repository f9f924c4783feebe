"""The tools as a model sees them: one module each, over one desk."""
