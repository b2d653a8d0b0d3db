"""WHERE trials run: machines, slots, processes, the connection to Ray.

Nothing here decides which trial runs.

    fleet: How many slots a cluster has room for, as machines come and go
    processes: Which processes Ray forks, and from what: see `trainables.forking.server`
    ray_token: The token without which nobody talks to the Ray that kotune starts. Ray asks for one unless
    resources: How many slots fit on what is there, and what each is made of
"""
