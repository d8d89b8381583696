//! Nodes and undirected edges, with the messages that travel along them.

use super::InvalidField;

/// A message that arrives at a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incoming {
    /// Index among all messages; its edge is half of it, the message the other way round is `message ^ 1`.
    pub message: usize,
    /// The node that it comes from.
    pub source: usize,
}

/// An undirected graph. Edge e carries message 2 e from its first to its second node and message 2 e + 1 back.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    edges: Vec<(usize, usize)>,
    /// `[N + 1]`: where each node's messages start in `incoming`.
    starts: Vec<usize>,
    /// `[2 E]`, by target, then by edge.
    incoming: Vec<Incoming>,
}

impl Graph {
    /// A graph of these edges. Allocates.
    ///
    /// # Errors
    /// [`InvalidField::Edge`] for an edge to a node that is not there, or from a node to itself.
    pub fn new(nodes: usize, edges: &[(usize, usize)]) -> Result<Self, InvalidField> {
        if let Some(edge) = edges.iter().position(|&(a, b)| a >= nodes || b >= nodes || a == b) {
            return Err(InvalidField::Edge { edge, nodes });
        }
        let mut by_target = vec![Vec::new(); nodes];
        for (edge, &(a, b)) in edges.iter().enumerate() {
            let (there, back) = (2 * edge, 2 * edge + 1);
            by_target[b].push(Incoming {
                message: there,
                source: a,
            });
            by_target[a].push(Incoming {
                message: back,
                source: b,
            });
        }
        let mut starts = vec![0];
        for messages in &by_target {
            starts.push(starts[starts.len() - 1] + messages.len());
        }
        Ok(Self {
            edges: edges.to_vec(),
            starts,
            incoming: by_target.concat(),
        })
    }

    /// Nodes 0..n in a row. Allocates.
    pub fn chain(nodes: usize) -> Self {
        Self::of_valid(nodes, &(1..nodes).map(|i| (i - 1, i)).collect::<Vec<_>>())
    }

    /// Nodes in a rectangle, row by row: first all edges along the rows, then those along the columns. Allocates.
    pub fn grid(rows: usize, cols: usize) -> Self {
        let along_rows = (0..rows * cols).filter(|i| (i + 1) % cols != 0).map(|i| (i, i + 1));
        let along_cols = (cols..rows * cols).map(|i| (i - cols, i));
        Self::of_valid(rows * cols, &along_rows.chain(along_cols).collect::<Vec<_>>())
    }

    fn of_valid(nodes: usize, edges: &[(usize, usize)]) -> Self {
        Self::new(nodes, edges).expect("edges between neighbours are valid")
    }

    /// N.
    pub fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// The edges, as given.
    pub fn edges(&self) -> &[(usize, usize)] {
        &self.edges
    }

    /// The messages that arrive at a node, in the order of the edges.
    #[inline(always)]
    pub fn incoming(&self, node: usize) -> &[Incoming] {
        &self.incoming[self.starts[node]..self.starts[node + 1]]
    }
}
