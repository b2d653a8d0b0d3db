"""A deterministic simulation of one study: the real driver with simulated slots, machines, network, disk and clock.

simulation: everything around one study, and its sessions
kernel: processes and virtual time
threads: in the place of `threading` and `filelock`
disk: a disk that fails
file_tree: which files survive a loss of power
database: Optuna's database
fake_ray: in the place of `ray`
fake_tune: in the place of `ray.tune.Tuner`
slots: slots and their worker groups
training: trials without a network
"""
