/**
 * Whether an attempt before the present one may have changed the device: what it did is not forgotten for the next one. Both
 * versions go on beside it. In a transaction that holds nothing else, for nobody may be waited for in a circle.
 */
export const up = `
ALTER TABLE deployment_device ADD COLUMN touched_before boolean NOT NULL DEFAULT false;
`;
