"""What each verb does: one module per command, each a pure plan(project, ...) -> Plan."""
