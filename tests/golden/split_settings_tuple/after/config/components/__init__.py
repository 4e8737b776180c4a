from decouple import AutoConfig

config = AutoConfig()
