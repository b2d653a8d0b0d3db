"""WHAT comes out: summary, exported model, predictions."""
