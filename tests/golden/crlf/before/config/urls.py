urlpatterns = []
