"""Mazes from text: what is read, and what each bad drawing is told."""

import numpy as np
import pytest

from headstart.errors import InputError
from headstart.tasks.mazes import MAZES, drawing, read_maze


def test_a_drawing_by_hand():
    maze = read_maze("####\n#S #\n##G#\n####\n")
    # y points up, so the first line of the drawing is the last row
    np.testing.assert_array_equal(maze.wall, [[1, 1, 1, 1], [1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]])
    np.testing.assert_array_equal(maze.starts, [[1, 2]])
    np.testing.assert_array_equal(maze.goal, [2.5, 1.5])


def test_only_cells_with_a_way_to_them_are_reachable():
    maze = read_maze("#######\n#S# # #\n# #   #\n# ### #\n#   # #\n#######")
    assert maze.reachable[1, 1:4].all() and not maze.reachable[3, 3]
    assert not (maze.reachable & maze.wall).any()


def test_without_marks_every_free_cell_is_a_start_and_the_goal_is_free():
    maze = read_maze("#####\n#   #\n#####")
    assert len(maze.starts) == 3
    assert not maze.wall[int(maze.goal[1]), int(maze.goal[0])]


def test_without_a_goal_the_farthest_cell_is_it():
    np.testing.assert_array_equal(read_maze("#####\n#S# #\n#   #\n#####").goal, [3.5, 2.5])


@pytest.mark.parametrize("name", MAZES)
def test_every_maze_of_ours_is_closed_and_has_a_start_and_a_goal(name):
    maze = read_maze(drawing(name))
    border = np.concatenate([maze.wall[0], maze.wall[-1], maze.wall[:, 0], maze.wall[:, -1]])
    assert border.all() and len(maze.starts) == 1
    assert maze.reachable[int(maze.goal[1]), int(maze.goal[0])]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#####\n#S.G#\n#####", "line 2, column 3: unknown character '.'"),
        ("#####\n#S\tG#\n#####", "line 2, column 3: unknown character '\\t'"),
        ("#####\n#S G#\n####", "line 3, column 5: the line has 4 columns, the first has 5"),
        ("#####\n#S G #\n#####", "line 2, column 6: the line has 6 columns, the first has 5"),
        ("#####\n\n#S G#\n#####", "line 2, column 1: the line has 0 columns"),
        ("######\n#S SG#\n######", "line 2, column 4: a second 'S' (the first is at line 2, column 2)"),
        ("#####\n#SG #\n# G #\n#####", "line 3, column 3: a second 'G' (the first is at line 2, column 3)"),
        ("\n\n###\n###", "line 3, column 1: no free cell"),
        ("", "line 1, column 1: no free cell"),
        ("\n\n", "line 1, column 1: no free cell"),
        ("#####\n#S#G#\n#####", "line 2, column 4: the goal 'G' cannot be reached"),
    ],
)
def test_a_bad_drawing_is_refused_with_line_and_column(text, says):
    with pytest.raises(InputError) as refused:
        read_maze(text)
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_an_unknown_name_gets_the_nearest_ones():
    with pytest.raises(InputError, match="did you mean 'spiral'"):
        drawing("spirale")
    with pytest.raises(InputError, match="choose from hallway, narrow-hallway, open, spiral, u"):
        drawing("xyz")
