"""The names of Celery's settings: today's, those of Celery 3, those of other libraries (Celery 5.7.0).

A name is written here as `app.conf` has it; in Django settings it is CELERY_ and the name in capitals.
"""

from __future__ import annotations

_BY_PREFIX = {
    "": "accept_content enable_utc imports include timezone",
    "beat_": "cron_starting_deadline enable_remote_control max_loop_interval remote_control_max_tick_age schedule "
    "schedule_filename scheduler sync_every",
    "broker_": "channel_error_retry connection_max_retries connection_retry connection_retry_on_startup "
    "connection_timeout failover_strategy heartbeat heartbeat_checkrate host login_method "
    "native_delayed_delivery_queue_type password pool_acquire_timeout pool_limit port read_url transport "
    "transport_options url use_ssl user vhost write_url",
    "task_": "acks_late acks_on_failure acks_on_failure_or_timeout acks_on_timeout allow_error_cb_on_chord_header "
    "always_eager annotations compression create_missing_queue_exchange_type create_missing_queue_type "
    "create_missing_queues default_delivery_mode default_exchange default_exchange_type default_priority "
    "default_queue default_queue_type default_rate_limit default_routing_key eager_propagates ignore_result "
    "inherit_parent_priority protocol publish_retry publish_retry_policy queue_max_priority queues "
    "reject_on_worker_lost remote_tracebacks repr_maxlevels retry_on_worker_lost routes send_sent_event "
    "serializer soft_time_limit store_eager_result store_errors_even_if_ignored time_limit track_started",
    "worker_": "agent autoscaler cancel_long_running_tasks_on_connection_loss concurrency consumer "
    "deduplicate_successful_tasks detect_quorum_queues direct disable_prefetch disable_rate_limits "
    "enable_prefetch_count_reduction enable_remote_control enable_soft_shutdown_on_idle eta_task_limit "
    "hijack_root_logger log_color log_datefmt log_format lost_wait max_memory_per_child max_tasks_per_child pool "
    "pool_putlocks pool_restarts pool_start_method prefetch_multiplier proc_alive_timeout redirect_stdouts "
    "redirect_stdouts_level send_task_events soft_shutdown_timeout state_db task_log_datefmt task_log_format "
    "timer timer_precision executable gid uid umask logfile pidfile",
    "result_": "accept_content backend backend_always_retry backend_base_sleep_between_retries_ms "
    "backend_max_retries backend_max_sleep_between_retries_ms backend_transport_options cache_max chord_expires "
    "chord_join_timeout chord_retry_interval compression exchange exchange_type expires extended failure_expires "
    "persistent serializer backend_thread_safe",
    "redis_": "backend_use_ssl db host max_connections password port retry_on_timeout socket_connect_timeout "
    "socket_keepalive socket_timeout username backend_health_check_interval "
    "backend_credential_provider client_name",
    "event_": "exchange queue_durable queue_exclusive queue_expires queue_prefix queue_ttl serializer",
    "control_": "exchange queue_durable queue_exclusive queue_expires queue_ttl",
    "database_": "create_tables_at_setup engine_callback engine_options short_lived_sessions table_names "
    "table_schemas url",
    "cache_": "backend backend_options",
    "security_": "cert_store certificate digest key key_password",
    "s3_": "access_key_id base_path bucket endpoint_url region secret_access_key",
    "gcs_": "base_path bucket project ttl threadpool_maxsize",
    "azureblockblob_": "base_path connection_timeout container_name read_timeout retry_increment_base "
    "retry_initial_backoff_sec retry_max_attempts",
    "cassandra_": "auth_kwargs auth_provider bundle_path entry_ttl keyspace options port read_consistency servers "
    "table write_consistency secure_bundle_path",
    "cosmosdbsql_": "collection_name consistency_level database_name max_retry_attempts max_retry_wait_time",
    "elasticsearch_": "max_retries retry_on_timeout save_meta_as_text timeout",
    "arangodb_": "backend_settings",
    "couchbase_": "backend_settings",
    "mongodb_": "backend_settings",
    "override_": "backends",
    "dynamodb_": "endpoint_url",
    "firestore_": "project",
    "visibility_": "timeout",
    "db_": "reuse_max",
    "beat": "_executable _gid _uid _umask _logfile _pidfile",
    "events": "_executable _gid _uid _umask _logfile _pidfile",
}
NAMES = frozenset(prefix + name for prefix, names in _BY_PREFIX.items() for name in names.split())

# Names under CELERY_ that other libraries read: celery-redbeat, celery-singleton, django-celery-email, ...
FOREIGN = (
    "redbeat_",
    "singleton_",
    "email_",
    "once",
    "flower_",
    "results_",
    "beat_tz_aware",
    "progress_",
    "haystack_",
)

# Celery 3 names that do not follow the rule (celery.app.defaults.OLD_NS and _TO_NEW_KEY).
_IRREGULAR = {
    "CELERYD_TASK_TIME_LIMIT": "task_time_limit",
    "CELERYD_TASK_SOFT_TIME_LIMIT": "task_soft_time_limit",
    "CELERYD_WORKER_LOST_WAIT": "worker_lost_wait",
    "CELERY_TASK_RESULT_EXPIRES": "result_expires",
    "CELERY_MAX_CACHED_RESULTS": "result_cache_max",
    "CELERY_MESSAGE_COMPRESSION": "task_compression",
    "CELERY_EAGER_PROPAGATES_EXCEPTIONS": "task_eager_propagates",
    "CELERY_SEND_TASK_SENT_EVENT": "task_send_sent_event",
    "CELERY_SEND_EVENTS": "worker_send_task_events",
    "CELERY_DISABLE_RATE_LIMITS": "worker_disable_rate_limits",
    "CELERY_ENABLE_REMOTE_CONTROL": "worker_enable_remote_control",
    "CELERY_REDIRECT_STDOUTS": "worker_redirect_stdouts",
    "CELERY_REDIRECT_STDOUTS_LEVEL": "worker_redirect_stdouts_level",
    "CELERY_RESULT_DBURI": "database_url",
    "CELERY_RESULT_ENGINE_OPTIONS": "database_engine_options",
    "CELERY_RESULT_DB_SHORT_LIVED_SESSIONS": "database_short_lived_sessions",
    "CELERY_RESULT_DB_TABLENAMES": "database_table_names",
}


def today(name: str) -> str | None:
    """The name of today for a Celery 3 name; None for any other, and for one that is right under a namespace."""
    if name.startswith("CELERY_") and name.removeprefix("CELERY_").lower() in NAMES:
        return None
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    for prefix, new in (
        ("CELERYBEAT_", "beat_"),
        ("CELERYD_", "worker_"),
        ("BROKER_", "broker_"),
        ("CELERY_", "task_"),
    ):
        if name.startswith(prefix):
            found = new + name.removeprefix(prefix).lower()
            return found if found in NAMES else None
    return None
