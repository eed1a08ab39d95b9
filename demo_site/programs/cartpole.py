"""Balancing a pole

A cart must keep a pole upright by pushing left or right. Nobody tells it how: it tries, and what went well it does
more often (policy gradient, Williams 1992).

Physics: the cart and pole of Barto, Sutton and Anderson, 1983.
"""

import numpy as np

import weblayers as wl

GAMES, MOST = 20, 300
rng = np.random.default_rng(0)

policy = wl.sequential()
policy.add(wl.layers.dense(32, activation="relu", input_shape=[4]))
policy.add(wl.layers.dense(2))
policy.compile(wl.train.adam(0.02), wl.losses.SparseCategoricalCrossentropy(from_logits=True))


def moved(state, right):
    """The states of carts 0.02 seconds after a push: position, speed, angle, angular speed."""
    x, dx, angle, spin = state.T
    force = np.where(right, 10.0, -10.0)
    shared = (force + 0.05 * spin**2 * np.sin(angle)) / 1.1
    turn = (9.8 * np.sin(angle) - np.cos(angle) * shared) / (0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1))
    push = shared - 0.05 * turn * np.cos(angle) / 1.1
    return np.stack([x + 0.02 * dx, dx + 0.02 * push, angle + 0.02 * spin, spin + 0.02 * turn], axis=1)


def picture(state):
    """A cart and its pole."""
    image = np.ones((80, 160), "float32")
    x = int(80 + state[0] * 30)
    image[60:66, max(0, x - 12) : x + 12] = 0.2
    for r in range(45):
        row, column = int(60 - r * np.cos(state[2])), int(x + r * np.sin(state[2]))
        if 0 <= row < 80 and 0 <= column < 159:
            image[row, column : column + 2] = 0.5
    return image


async def play():
    """Games side by side; gives what was seen and done, game by game, and the states of the first."""
    state, alive = rng.uniform(-0.05, 0.05, (GAMES, 4)), np.ones(GAMES, bool)
    seen, done, counted, first = [], [], [], []
    while alive.any() and len(seen) < MOST:
        logits = (await policy.predict(state.astype("float32")).data()).reshape(GAMES, 2)
        right = rng.random(GAMES) < 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
        seen.append(state.astype("float32"))
        done.append(right)
        counted.append(alive.copy())
        first.append(state[0])
        state = moved(state, right)
        alive &= (np.abs(state[:, 0]) < 2.4) & (np.abs(state[:, 2]) < 0.21)
    return np.array(seen), np.array(done), np.array(counted), first


training = wl.page.training(policy, "cartpole")
lengths = []
async for round in training.rounds(40):
    if round == 0:
        # also where new weights begin
        lengths = []
    seen, done, counted, first = await play()
    # what came after a push is its merit, less what comes on average
    merit = np.flip(np.cumsum(np.flip(counted * 1.0, 0), 0), 0)
    merit = (merit - merit[counted].mean()) / (merit[counted].std() + 1e-6)
    await policy.train_on_batch(seen[counted], done[counted].astype("int32")[:, None], merit[counted].astype("float32"))
    lengths.append({"x": round + 1, "y": float(counted.sum(0).mean())})
    wl.vis.render.linechart("Steps until the pole falls", {"values": [lengths], "series": ["on average"]})
    for state in first[:: max(1, len(first) // 30)]:
        wl.page.show(picture(state), where="cart", title=f"Round {round + 1}")
        await wl.next_frame()
print(f"the pole stands for {lengths[-1]['y']:.0f} of {MOST} steps")
