from config import NAME
