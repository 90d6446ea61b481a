/**
 * Messages of systems in other languages, by what they are in English: the kernel's, Windows' and the package
 * managers' own are few, and each language has one wording for each.
 */
const WORDINGS: readonly (readonly [foreign: RegExp, english: string])[] = [
  [
    /keine berechtigung|zugriff (?:wurde )?verweigert|permission non accord[ée]e|acc[èe]s (?:est )?refus[ée]|permiso denegado|acceso denegado|permesso negato|accesso negato|permiss[ãa]o negada|acesso negado|toegang geweigerd|brak dost[ęe]pu|odmowa dost[ęe]pu|отказано в доступе|доступ запрещ[её]н|нет доступа|許可がありません|アクセスが拒否|权限不够|拒绝访问|存取被拒|허가 거부|액세스가 거부|åtkomst nekad|adgang nægtet|přístup odep/giu,
    'permission denied',
  ],
  [
    /erh[öo]hte (?:rechte|berechtigungen)|als administrator|droits d['’]administrateur|requiert une [ée]l[ée]vation|privilegios? de administrador|requiere elevaci[óo]n|privilegi (?:di )?amministra\w+|privil[ée]gios de administrador|uprawnie[nń] administratora|права(?:ми)? администратора|требуется повышение|管理者(?:権限|特権)|昇格が必要|管理员权限|需要提升|관리자 권한/giu,
    'requires administrator privileges',
  ],
  [
    /kein (?:freier )?(?:speicher)?platz|(?:kein|nicht gen[üu]gend|nicht gen[üu]g|nicht ausreichend)[\p{L} ]{0,24}speicher(?:platz)?|speicherplatz reicht nicht|(?:plus (?:d['’])?|pas assez d['’])espace|espace (?:disque )?insuffisant|aucun espace disponible|no (?:queda|hay)[\p{L} ]{0,20}espacio|espacio (?:en disco )?insuficiente|spazio (?:su disco )?(?:insufficiente|esaurito)|spazio[\p{L} ]{0,20}non (?:disponibile|sufficiente)|(?:n[ãa]o h[áa]|sem) espa[çc]o|espa[çc]o (?:em disco )?insuficiente|brak miejsca|za ma[łl]o miejsca|onvoldoende (?:schijf)?ruimte|geen ruimte|недостаточно места|не осталось свободного места|нет места|空き容量が(?:不足|ありません)|ディスク容量|デバイスに空き領域|空间不足|没有空间|空間不足|공간이 부족|남은 공간이 없|otillräckligt med|slut på diskutrymme/giu,
    'no space left on device',
  ],
  [
    /aufl[öo]sen (?:von|des)[^\n]{0,40}|konnte nicht aufgel[öo]st werden|r[ée]solution (?:de nom|du nom|temporaire)[^\n]{0,20}|impossible de r[ée]soudre|nom[^\n]{0,30}n['’]a pas pu [êe]tre r[ée]solu|resolver (?:el nombre|el host|«)|no se (?:pudo|puede) resolver|risolver[^\n]{0,10}(?:il nome|l['’]host|["«])|impossibile risolvere|n[ãa]o foi poss[íi]vel resolver|nie mo[żz]na rozwi[ąa]za[ćc]|kan[^\n]{0,30}niet (?:worden opgelost|herleiden|vinden: host)|не удалось (?:разрешить|определить)[^\n]{0,20}(?:имя|адрес)?|не удалось найти имя|名前(?:解決|を解決)|ホスト名を解決|无法解析|無法解析|이름을 확인할 수 없/giu,
    'could not resolve host',
  ],
  [
    /(?:keine )?verbindung[^\n]{0,50}(?:hergestellt|aufgebaut|abgelehnt|verweigert|unterbrochen|zur[üu]ckgesetzt|fehlgeschlagen|nicht m[öo]glich)|connexion (?:refus[ée]e|impossible|[ée]chou[ée]e|perdue|interrompue)|impossible de (?:se connecter|contacter|joindre)|conexi[óo]n (?:rechazada|perdida|cerrada|fallida)|no se (?:pudo|puede) (?:conectar|establecer)|connessione (?:rifiutata|interrotta|fallita)|impossibile (?:connettersi|stabilire)|conex[ãa]o (?:recusada|perdida|falhou)|n[ãa]o foi poss[íi]vel (?:conectar|ligar|estabelecer)|odmowa po[łl][ąa]czenia|nie mo[żz]na (?:po[łl][ąa]czy[ćc]|nawi[ąa]za[ćc])|verbinding (?:geweigerd|verbroken|mislukt)|kan geen verbinding|(?:не удается|не удалось|невозможно)[^\n]{0,20}(?:подключиться|соединиться|установить соединение)|соединение (?:отклонено|разорвано|прервано)|в соединении отказано|接続(?:できません|が拒否|に失敗|できませんでした)|接続を拒否|无法连接|連線失敗|连接(?:被拒绝|失败|超时)|연결할 수 없|연결이 거부/giu,
    'connection refused: could not connect to the server',
  ],
  [
    /zeit[üu]berschreitung|zeitlimit (?:wurde )?[üu]berschritten|d[ée]lai (?:d['’]attente )?(?:est )?d[ée]pass[ée]|tiempo de espera (?:agotado|excedido)|se agot[óo] el tiempo|tempo (?:di attesa )?scaduto|tempo (?:limite )?(?:esgotado|excedido)|przekroczono (?:limit )?czas|time-out verlopen|wachttijd verstreken|(?:время ожидания|тайм-?аут)[\p{L} ]{0,20}(?:истекло|превышен\p{L}*)|истекло время ожидания|превышено время ожидания|превышен таймаут|タイムアウト|超时|逾時|시간 초과/giu,
    'connection timed out',
  ],
  [
    /abh[äa]ngigkeits(?:probleme|fehler)|(?:unerf[üu]llte|nicht erf[üu]llte) abh[äa]ngigkeiten|(?:probl[èe]mes? de )?d[ée]pendances?[\p{L} ]{0,20}(?:non satisfaites|manquantes|cass[ée]es|-)|probl[èe]mes de d[ée]pendances|(?:problemas de )?dependencias?[\p{L} ]{0,20}(?:incumplidas|no satisfechas|rotas)|problemas de dependencias|dipendenze (?:non soddisfatte|mancanti)|problemi (?:con le|di) dipendenze|depend[êe]ncias (?:n[ãa]o satisfeitas|em falta|desencontradas)|niespe[łl]nione zale[żz]no[śs]ci|problemy z zale[żz]no[śs]ciami|(?:неудовлетвор[её]нные|нарушен\p{L}*) зависимост\p{L}+|проблемы? (?:с )?зависимост\p{L}+|依存関係|依赖(?:关系)?(?:问题|错误|不满足)?|의존성/giu,
    'unmet dependencies',
  ],
  [
    /(?:ist|sind|wurde|datei)[\p{L} ]{0,12}(?:besch[äa]digt|korrupt)|pr[üu]fsumme[^\n]{0,30}(?:falsch|stimmt nicht|ung[üu]ltig)|(?:est|sont|fichier) (?:endommag[ée]e?s?|corrompue?s?)|somme de contr[ôo]le[^\n]{0,20}(?:incorrecte|invalide)|(?:est[áa]|archivo)[\p{L} ]{0,8}(?:da[ñn]ad[oa]|corrupt[oa])|[èe] (?:danneggiat[oa]|corrott[oa])|(?:est[áa]|arquivo|ficheiro) (?:danificad[oa]|corrompid[oa])|(?:jest|plik)[\p{L} ]{0,8}uszkodzon\p{L}+|is beschadigd|поврежд[её]н\p{L}*|контрольн\p{L}+ сумм\p{L}+|破損|壊れて|损坏|損毀|校验和|손상/giu,
    'the file is corrupt',
  ],
  [
    /wird bereits (?:von|durch|verwendet)[^\n]{0,30}|von einem anderen prozess|utilis[ée] par un autre processus|est en cours d['’]utilisation|siendo utilizado por otro|en uso por otro|utilizzato da un altro processo|in uso da un altro|a ser usado por outro|sendo usado por outro|używany przez inny|in gebruik door een ander|занят другим процессом|используется другим|別のプロセスが使用|另一个程序正在使用|다른 프로세스/giu,
    'is being used by another process',
  ],
  [
    /(?:ben[öo]tigt|erfordert|setzt)[^\n]{0,30}(?:windows|macos|version)[^\n]{0,30}(?:oder (?:h[öo]her|neuer|sp[äa]ter)|voraus)|wird (?:auf|von|unter) (?:diesem|dieser)[^\n]{0,40}nicht unterst[üu]tzt|nicht (?:kompatibel|unterst[üu]tzt)|(?:n[ée]cessite|requiert)[^\n]{0,30}(?:ou (?:version )?(?:ult[ée]rieure?|sup[ée]rieure?))|n['’]est pas (?:compatible|pris(?:e)? en charge)|(?:requiere|necesita)[^\n]{0,30}o (?:posterior|superior)|no es compatible|no (?:est[áa] )?admitid[oa]|(?:richiede|necessita)[^\n]{0,30}o (?:versione )?(?:successiv[ae]|superiore)|non [èe] (?:compatibile|supportat[oa])|(?:requer|necessita de)[^\n]{0,30}ou (?:posterior|superior)|n[ãa]o (?:[ée] (?:compat[íi]vel|suportad[oa]))|wymaga[^\n]{0,30}lub (?:nowsz\p{L}+|p[óo][źz]niejsz\p{L}+)|nie jest (?:obs[łl]ugiwan\p{L}+|zgodn\p{L}+)|vereist[^\n]{0,30}of (?:hoger|later|nieuwer)|wordt niet ondersteund|требуется[^\n]{0,30}(?:или (?:новее|выше|более))|не поддерживается|несовместим\p{L}*|以降が必要|サポートされていません|互換性がありません|不支持|不兼容|不相容|지원되지 않|호환되지/giu,
    'unsupported: requires another version of the operating system or is not compatible with this version',
  ],
  [
    /unbekannte(?:r|s)? (?:option|parameter|schl[üu]ssel)|ung[üu]ltige(?:r|s)? (?:option|parameter|argument|wert|konfiguration\p{L}*)|syntaxfehler|konfigurationsdatei[^\n]{0,40}(?:fehlt|ung[üu]ltig|nicht|fehler)|option (?:inconnue|non reconnue|invalide)|param[èe]tre (?:invalide|manquant|non valide)|erreur de syntaxe|fichier de configuration[^\n]{0,40}|opci[óo]n (?:desconocida|no v[áa]lida)|par[áa]metro (?:no v[áa]lido|incorrecto)|error de sintaxis|archivo de configuraci[óo]n|opzione (?:non valida|sconosciuta)|parametro non valido|errore di sintassi|file di configurazione|op[çc][ãa]o (?:desconhecida|inv[áa]lida)|par[âa]metro inv[áa]lido|erro de sintaxe|arquivo de configura[çc][ãa]o|nieznana opcja|nieprawid[łl]ow\p{L}+ (?:parametr|warto[śs][ćc]|opcj\p{L}+)|b[łl][ąa]d sk[łl]adni|plik\p{L}* konfiguracyj\p{L}+|ongeldige (?:optie|parameter|waarde)|configuratiebestand|неизвестн\p{L}+ (?:параметр|ключ|опци\p{L}+)|недопустим\p{L}+ (?:параметр|значение|ключ)|(?:ошибк\p{L}+ )?(?:в )?(?:файл\p{L}* )?конфигурац\p{L}+|синтаксическ\p{L}+ ошибк\p{L}+|設定ファイル|構成(?:ファイル|エラー)|構文エラー|配置(?:文件|错误)|语法错误|無效的(?:選項|參數)|无效的(?:选项|参数)|구성 파일|잘못된 (?:매개|옵션)/giu,
    'invalid option in the configuration file',
  ],
];

/** The text with what is known of other languages said in English; English stays as it is. */
export function inEnglish(text: string): string {
  let outcome = text;
  for (const [foreign, english] of WORDINGS) outcome = outcome.replace(foreign, english);
  return outcome;
}
