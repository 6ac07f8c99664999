/** Path of the managed bucket's S3 interface on the API's port. It is part of what signatures cover. */
export const STORAGE_PATH = "/cdn-cgi/local/r2/s3";
