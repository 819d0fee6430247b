"""The inner loops over a sparse graph on a CPU: greedy choice, lazy or stochastic."""

from __future__ import annotations

import heapq

import numpy as np

from curation.compilation import compiled


@compiled()
def shut(
    position: int, owner: np.ndarray, members: np.ndarray, begins: np.ndarray, slot: np.ndarray, open_: np.ndarray
) -> None:
    """Take a candidate and all others of its owner off the list of open ones.

    Args: members, begins: int64, the candidates by owner; slot: int64 N, where in the list a candidate is, −1: shut;
        open_: int64 N + 1, the list, its length the last entry.
    """
    for at in range(begins[owner[position]], begins[owner[position] + 1]):
        place = slot[members[at]]
        if place >= 0:
            open_[-1] -= 1
            last = open_[open_[-1]]
            open_[place], slot[last] = last, place
            slot[members[at]] = -1


@compiled()
def _gain(
    position: int,
    start: np.ndarray,
    stop: np.ndarray,
    index: np.ndarray,
    distance: np.ndarray,
    reach: np.ndarray,
    counting: bool,
) -> float:
    total = 0.0
    for at in range(start[position], stop[position]):
        far = reach[index[at]]
        if counting:
            total += distance[at] <= far
        else:
            total += max(np.float64(far) - np.float64(distance[at]), 0.0)
    return total


@compiled()
def _serve(
    position: int,
    start: np.ndarray,
    stop: np.ndarray,
    index: np.ndarray,
    distance: np.ndarray,
    reach: np.ndarray,
    counting: bool,
) -> None:
    for at in range(start[position], stop[position]):
        if counting:
            reach[index[at]] = -1
        else:
            reach[index[at]] = min(reach[index[at]], distance[at])


@compiled()
def lazy(
    start: np.ndarray,
    stop: np.ndarray,
    index: np.ndarray,
    distance: np.ndarray,
    reach: np.ndarray,
    counting: bool,
    owner: np.ndarray,
    members: np.ndarray,
    begins: np.ndarray,
    slot: np.ndarray,
    open_: np.ndarray,
    bounds: np.ndarray,
    chosen: np.ndarray,
    added: np.ndarray,
    done: int,
    until: int,
) -> int:
    """Choose greedily until ``until`` are chosen or, counting, nothing is left to gain; return how many are.

    Args: start … distance: the graph by candidate; reach, slot, open_, bounds: what is so far, brought up to date;
        chosen, added: int64 and float64, written from ``done`` on.
    """
    heap = [(-bounds[j], j) for j in open_[: open_[-1]]]
    heapq.heapify(heap)
    seen = np.full(len(bounds), -1)
    while done < until and len(heap):
        best, j = heap[0]
        if slot[j] < 0:
            heapq.heappop(heap)
        elif seen[j] < done:
            seen[j] = done
            bounds[j] = _gain(j, start, stop, index, distance, reach, counting)
            heapq.heapreplace(heap, (-bounds[j], j))
        elif counting and best == 0:
            break
        else:
            _serve(j, start, stop, index, distance, reach, counting)
            shut(j, owner, members, begins, slot, open_)
            chosen[done], added[done] = j, -best
            done += 1
    return done


@compiled()
def stochastic(
    start: np.ndarray,
    stop: np.ndarray,
    index: np.ndarray,
    distance: np.ndarray,
    reach: np.ndarray,
    counting: bool,
    owner: np.ndarray,
    members: np.ndarray,
    begins: np.ndarray,
    slot: np.ndarray,
    open_: np.ndarray,
    draws: np.ndarray,
    chosen: np.ndarray,
    added: np.ndarray,
    done: int,
    until: int,
) -> int:
    """Choose the best of some random open candidates at a time; draws: float64 in [0, 1), a row a choice."""
    while done < until and open_[-1] > 0:
        best, most = -1, -1.0
        for draw in draws[done]:
            j = open_[int(draw * open_[-1])]
            gain = _gain(j, start, stop, index, distance, reach, counting)
            if gain > most or (gain == most and j < best):
                best, most = j, gain
        _serve(best, start, stop, index, distance, reach, counting)
        shut(best, owner, members, begins, slot, open_)
        chosen[done], added[done] = best, most
        done += 1
    return done


@compiled()
def served_by(
    index: np.ndarray, distance: np.ndarray, begins: np.ndarray, served: np.ndarray, apart: np.ndarray
) -> None:
    """Write for each point whom it may serve, rising, and how far they are: itself, and those whose neighbor it is.

    Args: index, distance: N×k, each one's neighbors, −1 where there is none; begins: int64 N, where each point's part
        begins, moved to its end.
    """
    for i in range(len(index)):
        served[begins[i]], apart[begins[i]] = i, 0
        begins[i] += 1
        for j in range(index.shape[1]):
            by = index[i, j]
            if by >= 0:
                served[begins[by]], apart[begins[by]] = i, distance[i, j]
                begins[by] += 1
