"""Ray as an executor: a Ray task is one shard of a pipeline, in a process of its own (`run --executor ray`).

`plan` says what tasks there are and what each needs, `retries` what follows an exit code, `cluster` is the
only module that knows Ray, `task` is what runs on a node, `drive` puts them together. Ray hands out commands
and gets exit codes back; replies and rows stay in files on the disk that all nodes share.
"""
