"""WHERE trials run: machines, slots, processes, the connection to Ray.

Nothing here decides which trial runs.

    connection: Starts Ray on this machine, or joins a cluster
    fleet: How many slots a cluster has room for, as machines come and go
    processes: Which processes Ray forks, and from what: see `trainables.forking.server`
    ray_environment: Environment variables that Ray reads when it is imported or when one of its processes starts
    ray_token: The token without which nobody talks to the Ray that kotune starts. Ray asks for one unless
    resources: How many slots fit on what is there, and what each is made of
"""
