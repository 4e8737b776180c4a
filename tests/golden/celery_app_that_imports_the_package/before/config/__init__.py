NAME = "config"
