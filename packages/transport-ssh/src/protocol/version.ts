/** What both ends must agree on to speak at all: counts changes of the wire that an older end would misread. */
export const protocolVersion = 7;

/** The version of these packages, told to the peer for people's sake. A test holds it to package.json. */
export const engineVersion = '0.1.0';
