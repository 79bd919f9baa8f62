# Completion of `concierge` in PowerShell. In $PROFILE: concierge completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName concierge -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $start = $commandAst.Extent.StartOffset
    $text = $commandAst.Extent.Text
    $line = $text.Substring(0, [Math]::Min($cursorPosition - $start, $text.Length)).PadRight($cursorPosition - $start)
    $program = Get-Command -CommandType Application -Name concierge | Select-Object -First 1
    & $program completion powershell -- $line 2>$null | ForEach-Object {
        $value, $shown, $description = $_ -split "`t", 3
        [System.Management.Automation.CompletionResult]::new($value, $shown, 'ParameterValue', $description)
    }
}
