"""Helpers that every package uses: errors, secrets, safe paths, typed JSON, atomic writes, buckets, formatting.

Nothing here depends on Ray, on models or on another package of kotune.

    bucket_copies: Local copies of files in a bucket, shared by the processes of a machine.
    buckets: Reads and writes files in a local folder or in a bucket (`s3://BUCKET/…`, `gs://BUCKET/…`).
    checked_json: Reads JSON files of kotune as typed objects, and reports damage with its place in the file.
    checked_yaml: Reads YAML without its traps, and within bounds on bytes, values and depth.
    checksums: CRC-32 checksums of files and folders.
    durable: Writes files and folders atomically and durably, and retries while the storage is unavailable.
    errors: Errors of the user, in three parts: the problem, what is allowed, what to do.
    formatting: Formats numbers, durations and texts for people.
    launchers: Environment variables of torchrun, MPI and other launchers, which are not used.
    partial_files: A file that is written in parts, survives the end of its process, and can be continued.
    private_folders: Temporary folders that only this user can reach, removed also after a kill.
    safe_paths: Reads regular files only, and checks that no name or link in a folder from others leads out of it.
    safe_weights: Names of files of weights in a folder from others: plain, and of safetensors only
    secrets: Removes keys and passwords from everything that is written or shown.
    standard_output: Keeps standard output for what a command was asked for.
    statuses: The status of a trial.
"""
