"""Everything a person or a program sees; commands talk to it through the View alone."""
