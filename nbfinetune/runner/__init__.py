"""Runs: how they are launched, watched and steered."""
