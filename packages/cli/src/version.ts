/** Of this program. A test compares it with package.json; reading that file at start-up would cost more than the rest of `--version`. */
export const version = '0.1.0';
