timezone = "Europe/Paris"
task_time_limit = 300
