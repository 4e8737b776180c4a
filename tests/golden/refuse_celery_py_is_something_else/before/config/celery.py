GREEN = True
