"""Editing files losslessly: one module per thing we edit, text in, text out."""
