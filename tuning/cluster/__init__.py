"""WHERE trials run: machines, slots, processes, the connection to Ray.

Nothing here decides which trial runs.

    connection: Starts Ray on this machine, or joins a cluster
    fleet: How many slots a cluster has room for, as machines come and go
    processes: Which code the processes of a job run, and from which server they are forked
    ray_environment: Environment variables that Ray reads when it is imported or when one of its processes starts
    ray_token: The token that protects the Ray which kotune starts
    ray_watch: Notices within seconds that the Ray of this machine has died
    resources: How many slots fit on the machines, and the resources of each slot
    shared_folder: Whether every machine of a cluster sees a folder
    temporary_folder: The private temporary folder of a Ray on this machine
"""
