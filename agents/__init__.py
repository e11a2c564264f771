"""The learner: how a scoring policy is found, trained and handed over.

  policy.py        a trained network as plain numpy, what is served and evaluated
  artefact.py      a policy as a folder: policy.json + weights.safetensors (numpy only; no torch, no ray)
  network.py       the same network as torch modules, with the value network
  rl_module.py     the network in RLlib's new API stack
  rollout.py       whole rollouts as arrays; advantages
  env_runner.py    steps the twin's vector environment in bulk, under RLlib's worker management
  learner.py       PPO's loss and update over whole rollouts
  ppo.py           the algorithm and its configuration
  spec.py          what a training is told, what it reports, what it gives back
  observations.py  scale of the observations; from a linear policy to the start of a network
  search.py        direct search of a linear score in the twin (CMA-ES): the warm start
  generalist.py    one score for every network, searched on several at once
  shipped.py       the policies that ship, and which of them a plant is for
  validation.py    the fixed traces of a training
  folder.py        the folder of a training: state, progress, checkpoints
  local_ray.py     Ray for the time of a training
  train.py         search, critic warm-up, PPO, choice of the best policy; resumable

Not here: the twin (``envs``), MLflow and Prefect (``tasks``), reading of configuration.
"""
