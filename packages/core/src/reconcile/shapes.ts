import type { Entry } from '../tree/entry.ts';

/** What a tree is like, names, kinds and contents at every depth; permissions and times aside. */
export interface Shape {
  /** Equal ids: equal shapes. */
  readonly id: number;
  /** Entries, itself among them. */
  readonly nodes: number;
  /** Some file in it is not empty. */
  readonly hasContent: boolean;
}

export interface Shapes {
  /** `undefined`: something in it cannot be synced. Each object is looked at once; no hash is needed, for the ids are numbers given in order. */
  of(tree: Entry): Shape | undefined;
}

export function createShapes(): Shapes {
  const ids = new Map<string, number>();
  const known = new Map<Entry, Shape | undefined>();
  const idOf = (text: string): number => {
    const id = ids.get(text) ?? ids.size;
    ids.set(text, id);
    return id;
  };

  /** The shapes of its children are known. */
  const shapeOf = (entry: Entry): Shape | undefined => {
    switch (entry.kind) {
      case 'file':
        return { id: idOf(`f${entry.sizeBytes} ${entry.digest}`), nodes: 1, hasContent: entry.sizeBytes > 0 };
      case 'symlink':
        return { id: idOf(`l${entry.target}`), nodes: 1, hasContent: false };
      case 'untracked':
      case 'problematic':
        return undefined;
      case 'directory': {
        let text = 'd';
        let nodes = 1;
        let hasContent = false;
        for (const { name, entry: child } of entry.children) {
          const shape = known.get(child);
          if (shape === undefined) return undefined;
          text += `${shape.id}/${name}/`;
          nodes += shape.nodes;
          hasContent ||= shape.hasContent;
        }
        return { id: idOf(text), nodes, hasContent };
      }
    }
  };

  return {
    of(tree) {
      const rest: Entry[] = [tree];
      for (let entry = rest.at(-1); entry !== undefined; entry = rest.at(-1)) {
        const open = entry.kind === 'directory' && !known.has(entry) ? entry.children.filter((child) => !known.has(child.entry)) : [];
        if (open.length > 0) for (const child of open) rest.push(child.entry);
        else {
          if (!known.has(entry)) known.set(entry, shapeOf(entry));
          rest.pop();
        }
      }
      return known.get(tree);
    },
  };
}
