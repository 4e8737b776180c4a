# Copyright (c) somebody.
# All rights reserved.
