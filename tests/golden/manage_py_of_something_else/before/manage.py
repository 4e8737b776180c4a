print('not Django')
