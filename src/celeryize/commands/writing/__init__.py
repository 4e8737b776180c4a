"""The one run of all writers: what a plan needs around it, and how it is carried out."""
