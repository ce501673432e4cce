"""Plots, tables and one self-contained page; reads run folders only."""
