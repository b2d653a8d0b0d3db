"""Measurements of trained models that predict."""
