import { SyncError } from '@ubos/sync-core';
import { describe, expect, it } from 'vitest';
import { withNodeName } from './session.ts';

describe('a missing Node.js', () => {
  it('is advised on with the name of the node in the config, not with the alias of ssh_config', () => {
    const found = withNodeName(new SyncError('SYNC_REMOTE_NODE_MISSING', 'no Node on alias', { host: 'alias', hint: 'give it as `node`' }), 'balaur');
    expect(found).toMatchObject({
      code: 'SYNC_REMOTE_NODE_MISSING',
      message: 'no Node on alias',
      details: { host: 'alias', hint: expect.stringContaining('`nodes: { balaur: { node: /path/to/node } }`') },
    });
  });

  it('is the only error that is changed', () => {
    const other = new SyncError('SYNC_UNREACHABLE', 'no');
    expect(withNodeName(other, 'balaur')).toBe(other);
  });
});
