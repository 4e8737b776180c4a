"""The options of each verb: one module per verb, imported only when that verb is called."""
