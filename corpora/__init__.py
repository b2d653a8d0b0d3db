"""WHAT to learn from: read, check, split, fingerprint and tokenise data, once."""
