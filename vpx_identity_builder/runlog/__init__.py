"""The run log `{output_dir}/{video_id}/run.sqlite`: what a run was given, so that the choice can be made again."""
