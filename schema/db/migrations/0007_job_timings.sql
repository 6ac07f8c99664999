ALTER TABLE `jobs` ADD `precheck_ms` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `subtitle_ms` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `file_move_ms` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `io_wait_ms` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `cpu_wait_ms` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `upload_wait_ms` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `cascade_attempts` integer;