import os

exec(f"from .{os.environ.get('STAGE', 'local')} import *")
