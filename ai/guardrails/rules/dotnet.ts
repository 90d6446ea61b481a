import { DOWNLOADED } from '../commands/model.ts';
import { reachOf } from '../commands/paths.ts';
import { partOf } from '../parts.ts';
import type { Verdict } from './rule.ts';

/** Calls into .NET and Windows that PowerShell makes without any command; over folded text. */
type TextRule = (folded: string) => Verdict | undefined;

const DELETES =
  /\[(?:System\.)?(?:IO\.)?(?:Directory|File|DirectoryInfo|FileInfo)\]::(?:Delete|Move|WriteAll\w+|Create)\(\s*'([^']*)'\s*(?:,\s*(\$?\w+))?/gi;
const DELETED_ITEM =
  /\((?:Get-Item|gi|Get-ChildItem|gci|Resolve-Path)\s+(?:-\w+\s+)*'?([^')|]+)'?[^)]*\)\.Delete\(/gi;
const COM_DELETE = /\.Delete(?:Folder|File)\(\s*'([^']*)'/gi;

const deletes: TextRule = (folded) => {
  for (const pattern of [DELETES, DELETED_ITEM, COM_DELETE]) {
    for (const match of folded.matchAll(pattern)) {
      if (
        reachOf(partOf(match, 1), undefined, !/\[(?:System\.)?(?:IO\.)?File\]/i.test(match[0])) === 'critical'
      )
        return {
          code: 'destructive_deletion',
          message: 'Deletes a root, a system’s folder or file, or somebody’s home',
        };
    }
  }
  return undefined;
};

const ROWS: readonly (readonly [RegExp, string, string])[] = [
  [
    /\[(?:System\.)?(?:Management\.Automation\.)?scriptblock\]::create\(\s*(?:\$|'[^']*\u0002)|\.invokecommand\.invokescript\(\s*'?[^')]*\u0002/i,
    'download_and_run',
    'Runs code that it makes or fetches first',
  ],
  [
    /\[(?:System\.)?Reflection\.Assembly\]::Load(?:File|From)?\(\s*(?!'[^'\u0002]*\.dll')/i,
    'hidden_code',
    'Loads a program from bytes',
  ],
  [
    /\[(?:System\.)?Net\.Sockets\.TcpClient\]|New-Object\s+'?(?:System\.)?Net\.Sockets\.T[cC][pP]Client[\s\S]*?(?:iex|Invoke-Expression|GetStream)/i,
    'reverse_shell',
    'Gives a shell to another machine',
  ],
  [/amsi(?:utils|initfailed|context|scanbuffer)/i, 'security_disabled', 'Turns off the check of scripts'],
  [
    /VirtualAlloc|CreateThread|WriteProcessMemory|GetDelegateForFunctionPointer|DllImport\([^)]*(?:kernel32|ntdll)[^)]*\)[\s\S]*(?:NtRaiseHardError|RtlAdjustPrivilege|CreateFile)/i,
    'hidden_code',
    'Runs machine code',
  ],
  [/NtRaiseHardError|RtlSetProcessIsCritical/i, 'data_destruction', 'Makes the machine fail'],
  [
    /\.(?:UploadString|UploadFile|UploadData|UploadValues)\(/i,
    'exfiltration',
    'Sends data of the machine away',
  ],
  [
    /\[(?:System\.)?Environment\]::SetEnvironmentVariable\(\s*'(?:Path|ComSpec|PATHEXT)'\s*,\s*(?:''|\$null)/i,
    'system_file',
    'Empties a variable that the system needs',
  ],
  [/Win32_ShadowCopy[\s\S]*?\.?Delete\(?/i, 'backup_deletion', 'Deletes shadow copies'],
  [
    /(?:Win32_(?:Volume|LogicalDisk)|MSFT_Volume)\b[\s\S]*?(?:\.Format(?:Ex)?\(|-(?:MethodName|Name)\s+'?Format|InvokeMethod\(\s*'Format)|\.Format\(\s*'(?:NTFS|ReFS|FAT(?:32)?|exFAT|UDF)'/i,
    'disk_wipe',
    'Erases or reformats a disk',
  ],
  [
    /(?:MSFT_(?:Disk|Partition|PhysicalDisk|VirtualDisk)|Win32_DiskPartition)\b[\s\S]*?(?:\.(?:Clear|Initialize|DeleteObject|Reset|Delete)\(|-(?:MethodName|Name)\s+'?(?:Clear|Initialize|DeleteObject|Reset)\b)/i,
    'disk_wipe',
    'Erases or reformats a disk',
  ],
  [/\.Win32Shutdown\(|InvokeMethod\(\s*'Win32Shutdown/i, 'shutdown', 'Turns the machine off'],
  [
    /while\s*\(\s*(?:\$?true|1)\s*\)\s*\{[^}]*\b(?:Start-Process|saps|start)\b[^}]*\}/i,
    'fork_bomb',
    'Starts programs without end',
  ],
  [
    /(?:\bwhile|\bfor)\s*\([^)]*\)\s*\{[^}]*\b(?:Restart-Computer|Stop-Computer|shutdown)\b/i,
    'shutdown',
    'Restarts the machine again and again',
  ],
  [
    /\bDownloadFile\(\s*'[^']*'\s*,\s*'([^']+)'\s*\)[\s\S]*?(?:Start-Process|saps|&|\.|iex|Invoke-Item|ii|cmd)[\s\S]*?\1/i,
    'download_and_run',
    'Runs what it downloads',
  ],
  [
    /ConvertTo-SecureString[\s\S]*?(?:Set-LocalUser|New-LocalUser|Set-ADAccountPassword)/i,
    'account_change',
    'Sets a password',
  ],
  [
    /\bAdd-Type\b[\s\S]*?(?:kernel32|ntdll|user32)[\s\S]*?(?:VirtualProtect|VirtualAlloc|BlockInput)/i,
    'hidden_code',
    'Runs machine code',
  ],
];

const rows: TextRule = (folded) => {
  const row = ROWS.find(([pattern]) => pattern.test(folded));
  return row === undefined ? undefined : { code: row[1], message: row[2] };
};

/** Something downloaded that is called, wherever it stands. */
const invoked: TextRule = (folded) =>
  new RegExp(
    `(?:\\biex\\b|\\bInvoke-Expression\\b|\\|\\s*(?:iex|Invoke-Expression|powershell|pwsh|cmd)\\b|(?:^|[\\s;{(])[&.]\\s*\\(?)[^\\n;]*${DOWNLOADED}|${DOWNLOADED}[^\\n;]*\\|\\s*['&(\\s]*(?:iex|Invoke-Expression)\\b`,
    'i',
  ).test(folded) ||
  /\b(?:iwr|irm|curl|wget|Invoke-WebRequest|Invoke-RestMethod)\b[^;\n]*\|[^;\n]*\b(?:iex|Invoke-Expression)\b/i.test(
    folded,
  ) ||
  /\b(?:iex|Invoke-Expression)\b[^;\n]*\b(?:iwr|irm|Invoke-WebRequest|Invoke-RestMethod|DownloadString|curl|wget)\b/i.test(
    folded,
  )
    ? { code: 'download_and_run', message: 'Runs what it downloads' }
    : undefined;

/** Code that is decoded from what cannot be seen. */
const hidden: TextRule = (folded) =>
  /(?:\biex\b|\bInvoke-Expression\b|\[scriptblock\]::create)[\s\S]*(?:FromBase64String|GzipStream|DeflateStream|-bxor|\$unknown)/i.test(
    folded,
  ) ||
  /(?:FromBase64String|GzipStream|DeflateStream|-bxor)[\s\S]*(?:\biex\b|\bInvoke-Expression\b|\[scriptblock\]::create|Assembly\]::Load)/i.test(
    folded,
  ) ||
  /Invoke-Expression \$unknown/.test(folded)
    ? { code: 'hidden_code', message: 'Runs code that it unpacks first' }
    : undefined;

export const DOTNET_RULES: readonly TextRule[] = [deletes, rows, invoked, hidden];
